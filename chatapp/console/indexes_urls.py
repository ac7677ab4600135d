from django.urls import path

from chatapp.console.views import indexes

urlpatterns = [
    path("", indexes.list_indexes, name="console_indexes"),
    path("new/", indexes.start, name="console_index_new"),
    path("<int:index_id>/evaluate/", indexes.evaluate, name="console_index_evaluate"),
    path("<int:index_id>/<slug:action>/", indexes.change, name="console_index_change"),
]
