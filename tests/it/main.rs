//! Tests of the program as a whole. One binary, so that it is linked once.

mod cli;
mod contract;
mod demo;
mod e2e;
mod harness;
mod notify;
mod support;
