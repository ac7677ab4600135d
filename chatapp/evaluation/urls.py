from django.urls import path

from chatapp.evaluation import views

urlpatterns = [
    path("", views.compare, name="compare"),
    path("volunteer/", views.volunteer, name="compare_volunteer"),
    path("<uuid:pair_id>/", views.vote, name="compare_vote"),
]
