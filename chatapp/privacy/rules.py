from chatapp.accounts.models import Role
from chatapp.accounts.permissions import grant

grant("privacy.manage", "Set retention and legal holds, erase people's data", Role.ADMINISTRATOR)
