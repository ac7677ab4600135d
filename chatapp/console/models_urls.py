from django.urls import path

from chatapp.console.views import model_cards, model_store, models

urlpatterns = [
    path("", models.list_models, name="console_models"),
    path("states/", models.show_states, name="console_states"),
    path("new/", models.register, name="console_register"),
    path("diff/", model_cards.compare, name="console_model_diff"),
    path("store/", model_store.show_store, name="console_store"),
    path("store/remove/", model_store.remove, name="console_store_remove"),
    path("<uuid:version_id>/", model_cards.show_model, name="console_model"),
    path("<uuid:version_id>/card/", model_cards.write_card, name="console_model_card"),
    path("<uuid:version_id>/clone/", model_cards.clone, name="console_model_clone"),
    path("<uuid:version_id>/retry/", models.retry, name="console_retry"),
    path("<uuid:version_id>/serve/", models.serve, name="console_serve"),
    *(
        path(f"<uuid:version_id>/{step}/", model_cards.take_step, {"step": step}, name=f"console_model_{step}")
        for step in model_cards.STEPS
    ),
]
