//! The programs, one file a subject. No policy lives here: they count, compare with what was reported, and report.

mod arguments;
mod calls;
mod cgroups;
mod clients;
mod descriptors;
mod dns;
mod emit;
mod fields;
mod file_bytes;
mod files;
mod flows;
mod hosts;
mod maps;
mod names;
mod network;
mod outcomes;
mod packet;
mod paths;
mod payload;
mod peers;
mod privileged;
mod processes;
mod protocols;
mod sockets;
mod threads;
mod tls;
mod traffic;
mod uring;
mod watch;

// Any panic that survives optimisation is a loop the verifier refuses, so an index or division that could fail
// shows when the object is loaded.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
