from django.urls import path

from chatapp.api.scim import discovery, groups, users

urlpatterns = [
    path("", discovery.nothing, name="scim_root"),
    path("ServiceProviderConfig", discovery.configuration),
    path("ResourceTypes", discovery.resource_types),
    path("ResourceTypes/<str:name>", discovery.resource_type),
    path("Schemas", discovery.schemas),
    path("Schemas/<str:name>", discovery.schema),
    path("Users", users.collection),
    path("Users/<str:user_id>", users.item),
    path("Groups", groups.collection),
    path("Groups/<str:group_id>", groups.item),
    path("<path:rest>", discovery.nothing),
]
