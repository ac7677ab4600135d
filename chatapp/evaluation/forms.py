"""What the voters' page posts. Limits are the service's own, said once."""

from django import forms


class VoteForm(forms.Form):
    vote = forms.CharField(max_length=16, error_messages={"required": "say which answer is better."})
    reason = forms.CharField(required=False, strip=False)
    milliseconds = forms.IntegerField(required=False)


class VolunteerForm(forms.Form):
    volunteer = forms.BooleanField(required=False)
