from django.urls import path

from chatapp.retrieval import views

urlpatterns = [
    path("", views.knowledge, name="knowledge"),
    path("collections/", views.create_collection, name="create_collection"),
    path("documents/<uuid:document_id>/", views.document, name="document"),
    path("documents/<uuid:document_id>/retry/", views.retry_document, name="retry_document"),
    path("documents/<uuid:document_id>/delete/", views.delete_document, name="delete_document"),
    path("documents/<uuid:document_id>/versions/<int:number>/file/", views.download_version, name="download_version"),
    path("documents/<uuid:document_id>/versions/<int:number>/restore/", views.restore_version, name="restore_version"),
    path("passages/<uuid:chunk_id>/", views.passage, name="passage"),
    path("passages/<uuid:chunk_id>/edit/", views.edit_passage, name="edit_passage"),
    path("passages/<uuid:chunk_id>/disable/", views.disable_passage, name="disable_passage"),
    path("passages/<uuid:chunk_id>/enable/", views.enable_passage, name="enable_passage"),
    path("passages/<uuid:chunk_id>/release/", views.release_passage, name="release_passage"),
    path("golden-questions/<uuid:question_id>/", views.golden_question, name="golden_question"),
    path("golden-questions/<uuid:question_id>/delete/", views.delete_golden_question, name="delete_golden_question"),
    path("evaluations/<uuid:evaluation_id>/", views.evaluation_run, name="evaluation_run"),
    path("evaluations/<uuid:evaluation_id>/cancel/", views.cancel_evaluation, name="cancel_evaluation"),
    path("collections/<slug:slug>/", views.collection, name="collection"),
    path("collections/<slug:slug>/access/", views.collection_access, name="collection_access"),
    path("collections/<slug:slug>/delete/", views.delete_collection, name="delete_collection"),
    path("collections/<slug:slug>/documents/", views.documents, name="collection_documents"),
    path("collections/<slug:slug>/evaluation/", views.evaluation, name="evaluation"),
    path("collections/<slug:slug>/evaluation/add/", views.add_golden_question, name="add_golden_question"),
    path("collections/<slug:slug>/evaluation/import/", views.import_golden_questions, name="import_golden_questions"),
    path("collections/<slug:slug>/evaluation/export/", views.export_golden_questions, name="export_golden_questions"),
    path("collections/<slug:slug>/evaluation/run/", views.run_evaluation, name="run_evaluation"),
    path("collections/<slug:slug>/evaluation/compare/", views.compare_evaluations, name="compare_evaluations"),
    path("collections/<slug:slug>/files/", views.upload_files, name="collection_files"),
    path("collections/<slug:slug>/settings/", views.collection_settings, name="collection_settings"),
]
