//! The whole program against the real engine: real sockets, real disks, real ClickHouse.

mod annotations;
mod api;
mod app;
mod demo;
mod disk_full;
mod durability;
mod engine;
mod fault_proxy;
mod funnels;
mod fuzz_corpus;
mod health;
mod honest;
mod hostile;
mod ingest;
mod process;
mod product_queries;
mod queries;
mod query_limits;
mod rejected;
mod rollup_rebuild;
mod rollups;
mod schema;
mod status;
mod store;
mod stream;
mod viewers;
