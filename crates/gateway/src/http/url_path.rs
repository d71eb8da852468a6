//! What a path captures: texts. Where they are none, the answer is a problem like every other.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;
use crate::problem_code::ProblemCode;

/// The captures of a path, decoded.
#[derive(Debug)]
pub(crate) struct UrlPath<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for UrlPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(captures) = Path::from_request_parts(parts, state)
            .await
            .map_err(|why| Problem::new(ProblemCode::BadRequest, why.body_text()))?;
        Ok(UrlPath(captures))
    }
}
