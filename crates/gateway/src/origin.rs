//! Which web origins may use the gateway: governs CORS of the HTTP API and every upgrade that carries an `Origin`.

/// The origins that are allowed.
#[derive(Clone, Debug, Default)]
pub struct AllowedOrigins {
    any: bool,
    loopback: bool,
    exact: Vec<String>,
}

/// A text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no origin; write it as a browser sends it, such as \"https://app.example.com\", or \"*\" for all"
)]
pub struct InvalidOrigin(pub String);

impl AllowedOrigins {
    /// The origins of `list`: exact ones, or `*` for all.
    ///
    /// # Errors
    /// The first entry that is no origin.
    pub fn new(list: &[String]) -> Result<Self, InvalidOrigin> {
        let _ = list;
        todo!()
    }

    /// Allows every origin on a loopback host, whatever its port: for development.
    #[must_use]
    pub fn with_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// Whether pages of `origin` (the text of the `Origin` header) may use the gateway.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        let _ = (self.any, self.loopback, &self.exact, origin);
        todo!()
    }
}
