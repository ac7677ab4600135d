"""The few of allauth's pages that this product has; sign-up, e-mail and password pages are not routed."""

from django.urls import path

from chatapp.accounts.sso import logout
from chatapp.accounts.sso import views as oidc
from chatapp.accounts.sso.page import sign_in_page
from chatapp.accounts.sso.saml import views as saml

urlpatterns = [
    path("login/", sign_in_page, name="account_login"),
    path("logout/", logout.sign_out, name="account_logout"),
    path("oidc/<slug:provider_id>/login/", oidc.login, name="openid_connect_login"),
    path("oidc/<slug:provider_id>/login/callback/", oidc.callback, name="openid_connect_callback"),
    path("oidc/<slug:provider_id>/silent/", oidc.silent, name="openid_connect_silent"),
    path(
        "oidc/<slug:provider_id>/backchannel-logout/",
        logout.backchannel_logout,
        name="openid_connect_backchannel_logout",
    ),
    # allauth's names.
    path("saml/<slug:organization_slug>/login/", saml.login, name="saml_login"),
    path("saml/<slug:organization_slug>/acs/", saml.acs, name="saml_acs"),
    path("saml/<slug:organization_slug>/acs/finish/", saml.finish_acs, name="saml_finish_acs"),
    path("saml/<slug:organization_slug>/sls/", saml.sls, name="saml_sls"),
    path("saml/<slug:organization_slug>/metadata/", saml.metadata, name="saml_metadata"),
]
