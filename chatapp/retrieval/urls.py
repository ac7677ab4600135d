from django.urls import path

from chatapp.retrieval import views

urlpatterns = [
    path("", views.knowledge, name="knowledge"),
    path("collections/", views.create_collection, name="create_collection"),
    path("documents/<uuid:document_id>/", views.document, name="document"),
    path("documents/<uuid:document_id>/retry/", views.retry_document, name="retry_document"),
    path("documents/<uuid:document_id>/delete/", views.delete_document, name="delete_document"),
    path("collections/<slug:slug>/", views.collection, name="collection"),
    path("collections/<slug:slug>/access/", views.collection_access, name="collection_access"),
    path("collections/<slug:slug>/delete/", views.delete_collection, name="delete_collection"),
    path("collections/<slug:slug>/documents/", views.documents, name="collection_documents"),
    path("collections/<slug:slug>/files/", views.upload_files, name="collection_files"),
    path("collections/<slug:slug>/settings/", views.collection_settings, name="collection_settings"),
]
