//! A client of the Container Runtime Interface, version 1, which containerd and CRI-O serve to the kubelet.
//!
//! Only the calls that Picket and its tests make are here, as messages written by hand after the interface's
//! definition, so that building them takes no protocol compiler. Fields that nobody needs are left out: protocol
//! buffers skip what they do not know.
//!
//! Source: <https://github.com/kubernetes/cri-api/blob/791729b2/pkg/apis/runtime/v1/api.proto>.

mod client;
pub mod lookup;
pub mod pod;

pub use client::{Call, Client, Error};
