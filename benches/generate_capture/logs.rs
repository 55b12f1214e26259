//! The generator of flow logs, for its random numbers, its network and its traffic.

#[path = "../generate/blob.rs"]
pub(crate) mod blob;
#[path = "../generate/network.rs"]
pub(crate) mod network;
#[path = "../generate/options.rs"]
pub(crate) mod options;
#[path = "../generate/traffic.rs"]
pub(crate) mod traffic;
