from chatapp.accounts.models import User


def get_user_by_name(username: str) -> User | None:
    return User.objects.filter(username=username).first()
