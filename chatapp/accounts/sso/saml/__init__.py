"""SAML 2.0, Web Browser SSO profile: solicited responses by HTTP-POST, single logout by HTTP-Redirect."""
