//! The whole program against the real engine: real sockets, real disks, real ClickHouse.

mod api;
mod app;
mod durability;
mod engine;
mod ingest;
mod process;
mod queries;
