from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from chatapp.accounts.services.break_glass import acknowledge_alarm
from chatapp.console.access import ConsoleRequest, console_page, go


@require_POST
@console_page("accounts.manage_sign_in")
def acknowledge(request: ConsoleRequest, alarm_id: int) -> HttpResponse:
    acknowledge_alarm(actor=request.user, alarm_id=alarm_id)
    messages.success(request, "The sign-in is acknowledged.")
    return go(request, "console_sign_in")
