"""The few of allauth's pages that this product has; sign-up, e-mail and password pages are not routed."""

from allauth.account import views
from django.urls import path
from django.views.decorators.http import require_POST

from chatapp.accounts import oidc

urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", require_POST(views.logout), name="account_logout"),
    path("oidc/<slug:provider_id>/login/", oidc.login, name="openid_connect_login"),
    path("oidc/<slug:provider_id>/login/callback/", oidc.callback, name="openid_connect_callback"),
]
