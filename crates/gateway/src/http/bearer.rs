//! Whose request it is: the access token of `Authorization: Bearer`, and nothing else.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use std::sync::Arc;

use crate::auth::Claims;
use crate::authorization::carried;
use crate::node::Node;
use crate::problem::Problem;

/// Verified claims of the caller.
#[derive(Debug)]
pub(crate) struct Bearer(pub(crate) Claims);

/// Claims with the scope `publish`.
#[derive(Debug)]
pub(crate) struct Publisher(pub(crate) Claims);

/// The caller has the scope `admin`.
#[derive(Debug)]
pub(crate) struct Admin;

impl FromRequestParts<Arc<Node>> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header
            .and_then(|header| carried(header, "bearer"))
            .ok_or_else(|| Problem::unauthorized("send an access token: `Authorization: Bearer …`"))?;
        node.verifier.verify(token).map(Bearer).map_err(|why| Problem::unauthorized(why.to_string()))
    }
}

impl FromRequestParts<Arc<Node>> for Publisher {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Problem> {
        let Bearer(claims) = Bearer::from_request_parts(parts, node).await?;
        if claims.scopes.publish { Ok(Publisher(claims)) } else { Err(Problem::missing_scope("publish")) }
    }
}

impl FromRequestParts<Arc<Node>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Problem> {
        let Bearer(claims) = Bearer::from_request_parts(parts, node).await?;
        if claims.scopes.admin { Ok(Admin) } else { Err(Problem::missing_scope("admin")) }
    }
}
