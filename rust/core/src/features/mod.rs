//! Features that are computed in the core.
//!
//! * `membership`: degrees of membership in fuzzy sets

pub(crate) mod membership;
