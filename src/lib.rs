//! Weir: self-hosted, real-time product analytics. The stages, in the order in which data flows:

pub mod access;
pub mod http;
pub mod ingest;
pub mod journal;
pub mod queries;
pub mod store;

pub mod credentials;
pub mod demo;
pub mod engine;
pub mod ingestion;
pub mod migrate;
pub mod offline;
pub mod probe;
pub mod replay;
pub mod rollup;

pub mod app;
pub mod clock;
pub mod config;
pub mod event;
pub mod telemetry;
