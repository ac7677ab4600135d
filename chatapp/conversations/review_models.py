"""What reviewers' decisions change on a message, and how it stood before."""

from django.db import models

from chatapp.fields import EncryptedTextField


class ReviewedMessage(models.Model):
    """How a message stood before reviewers changed it; the row is gone once nothing of their changes holds.

    What an answer said is with its exchange (`original`). Of a question it is here (`text`), because one question may
    have several answers, each with an exchange.
    """

    message = models.OneToOneField("Message", primary_key=True, on_delete=models.CASCADE, related_name="reviewed")
    text = EncryptedTextField(blank=True, help_text="The question; the sentence that stood in place of an answer.")
    status = models.CharField(max_length=16, blank=True)
    finish_reason = models.CharField(max_length=32, blank=True)
    weak_citations = models.JSONField(default=list)
    cited = models.JSONField(default=list, help_text="Numbers of the sources that were cited.")
    changed_at = models.DateTimeField(auto_now=True)
