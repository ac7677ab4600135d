from django.conf import settings

from chatapp.guarded_places import ListedPlaces


def webhook_guard() -> ListedPlaces:
    """Webhooks go to public addresses, and to those inside the network that an operator lists."""
    return ListedPlaces(listed=settings.ALERT_ALLOWED_HOSTS, setting="ALERT_ALLOWED_HOSTS")
