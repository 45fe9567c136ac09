//! The routes of a listener, each with who may use it: none can be added without saying so.

use axum::{
    Router,
    handler::Handler,
    http::Method,
    middleware::from_fn_with_state,
    routing::{MethodFilter, on},
};

use super::{
    error::ApiError,
    gate::{Gate, guard},
};
use crate::access::Scope;

/// What whoever uses a route must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// There is nothing behind it that is not for all.
    Nothing,
    Scope(Scope),
}

/// A method of a path, and who may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub need: Need,
}

/// Routes behind a gate.
pub(super) struct Routes<S> {
    router: Router<S>,
    gate: Gate,
    table: Vec<Route>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub fn behind(gate: Gate) -> Self {
        Self { router: Router::new(), gate, table: Vec::new() }
    }

    pub fn route<T: 'static>(
        mut self,
        method: Method,
        path: &'static str,
        need: Need,
        handler: impl Handler<T, S>,
    ) -> Self {
        let filter = MethodFilter::try_from(method.clone()).expect("a method that HTTP itself defines");
        let guarded = on(filter, handler).route_layer(from_fn_with_state((self.gate.clone(), need), guard));
        self.router = self.router.route(path, guarded);
        self.table.push(Route { method, path, need });
        self
    }

    /// The routes, and the table of them.
    pub fn finish(self) -> (Router<S>, Vec<Route>) {
        (self.router.method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed }), self.table)
    }
}
