//! The token endpoint (RFC 6749, 3.2): what is exchanged for an access token without a password.
//!
//! A refresh token comes from people's sessions (`sessions`), a client's credentials are an API key
//! (`api_keys`). This slice only tells them apart.

pub(crate) mod api;
