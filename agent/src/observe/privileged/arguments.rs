//! The arguments of privileged calls in words.

/// What an argument is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A number that says nothing to a reader: an address, a descriptor's options.
    Bare,
    /// The call takes no argument here: what the register holds is left over from something else.
    Absent,
    /// A number that is best read as such: a process, a descriptor.
    Number,
    /// A text.
    Text,
    /// One of a few operations, which is part of what is asked. An operation without a name here is shown by number.
    Operation(&'static [(u64, &'static str)]),
    /// Flags that are part of what is asked.
    Flags(&'static [(u64, &'static str)]),
    /// Flags, only some of which make the call worth a word; without any of these it is an ordinary one.
    Only(&'static [(u64, &'static str)]),
    /// As `Only`, for a value that also asks without changing anything when all its bits are set.
    Persona,
}

use Shape::{Absent, Bare, Flags, Number, Only, Operation, Persona, Text};

impl Shape {
    /// Whether the argument is part of what is asked, and so of the canonical form.
    pub(super) const fn tells(self) -> bool {
        matches!(self, Operation(_) | Flags(_) | Only(_) | Persona)
    }

    /// The argument in words; empty when it has none.
    pub(super) fn words(self, value: u64, text: &str) -> String {
        match self {
            Absent | Bare => String::new(),
            // Descriptors and processes are ints, of which negative ones mean something.
            Number => (value as u32).cast_signed().to_string(),
            Text if text.is_empty() => String::new(),
            Text => format!("{text:?}"),
            Operation(names) => names
                .iter()
                .find(|(operation, _)| *operation == value)
                .map_or_else(|| format!("{value:#x}"), |(_, name)| (*name).to_owned()),
            Flags(names) => {
                let named = names.iter().fold(0, |named, (flag, _)| named | flag);
                let rest = value & !named;
                let mut words = joined(value, names);
                if rest != 0 || words.is_empty() {
                    let separator = if words.is_empty() { "" } else { "|" };
                    words = format!("{words}{separator}{rest:#x}");
                }
                words
            }
            Only(names) => joined(value, names),
            Persona if value & 0xffff_ffff == 0xffff_ffff => String::new(),
            Persona => joined(value, PERSONAS),
        }
    }
}

fn joined(value: u64, names: &[(u64, &'static str)]) -> String {
    let set: Vec<&str> = names
        .iter()
        .filter(|(flag, _)| value & flag == *flag)
        .map(|(_, name)| *name)
        .collect();
    set.join("|")
}

/// The first three arguments of a privileged call.
pub(super) fn of(call: &str) -> [Shape; 3] {
    match call {
        "unshare" => [Flags(UNSHARED), Absent, Absent],
        "clone" | "clone3" => [Only(NAMESPACES), Bare, Bare],
        "setns" => [Number, Flags(UNSHARED), Absent],
        "personality" => [Persona, Absent, Absent],
        "ptrace" => [Operation(PTRACE), Number, Bare],
        "process_vm_readv" | "process_vm_writev" => [Number, Bare, Bare],
        "pidfd_getfd" => [Number, Number, Bare],
        "bpf" => [Operation(BPF), Bare, Bare],
        "keyctl" => [Operation(KEYCTL), Bare, Bare],
        "perf_event_open" => [Bare, Number, Number],
        "mount" => [Text, Text, Text],
        "umount2" => [Text, Flags(UMOUNT), Absent],
        "pivot_root" => [Text, Text, Absent],
        "add_key" | "request_key" => [Text, Text, Bare],
        "chroot" | "swapoff" | "acct" => [Text, Absent, Absent],
        "fsopen" | "swapon" | "delete_module" => [Text, Bare, Absent],
        "open_tree" | "fspick" | "mount_setattr" => [Number, Text, Bare],
        "move_mount" => [Number, Text, Number],
        "fsconfig" => [Number, Number, Text],
        "init_module" => [Bare, Bare, Text],
        "finit_module" => [Number, Text, Bare],
        "kexec_file_load" | "fsmount" | "open_by_handle_at" => [Number, Bare, Bare],
        _ => [Bare; 3],
    }
}

/// `include/uapi/linux/sched.h`. The flag of time namespaces shares its bit with the signal in `clone`'s flags, and so
/// stands in the lists of the other calls only.
const NAMESPACES: &[(u64, &str)] = &[
    (0x0002_0000, "CLONE_NEWNS"),
    (0x0200_0000, "CLONE_NEWCGROUP"),
    (0x0400_0000, "CLONE_NEWUTS"),
    (0x0800_0000, "CLONE_NEWIPC"),
    (0x1000_0000, "CLONE_NEWUSER"),
    (0x2000_0000, "CLONE_NEWPID"),
    (0x4000_0000, "CLONE_NEWNET"),
];

const UNSHARED: &[(u64, &str)] = &[
    (0x0000_0080, "CLONE_NEWTIME"),
    (0x0000_0200, "CLONE_FS"),
    (0x0000_0400, "CLONE_FILES"),
    (0x0002_0000, "CLONE_NEWNS"),
    (0x0004_0000, "CLONE_SYSVSEM"),
    (0x0200_0000, "CLONE_NEWCGROUP"),
    (0x0400_0000, "CLONE_NEWUTS"),
    (0x0800_0000, "CLONE_NEWIPC"),
    (0x1000_0000, "CLONE_NEWUSER"),
    (0x2000_0000, "CLONE_NEWPID"),
    (0x4000_0000, "CLONE_NEWNET"),
];

/// `include/uapi/linux/personality.h`.
const PERSONAS: &[(u64, &str)] = &[
    (0x0004_0000, "ADDR_NO_RANDOMIZE"),
    (0x0010_0000, "MMAP_PAGE_ZERO"),
    (0x0020_0000, "ADDR_COMPAT_LAYOUT"),
    (0x0040_0000, "READ_IMPLIES_EXEC"),
];

/// `include/uapi/linux/fs.h`, `MNT_` flags.
const UMOUNT: &[(u64, &str)] = &[
    (1, "MNT_FORCE"),
    (2, "MNT_DETACH"),
    (4, "MNT_EXPIRE"),
    (8, "UMOUNT_NOFOLLOW"),
];

/// `include/uapi/linux/ptrace.h`.
const PTRACE: &[(u64, &str)] = &[
    (0, "TRACEME"),
    (1, "PEEKTEXT"),
    (2, "PEEKDATA"),
    (3, "PEEKUSER"),
    (4, "POKETEXT"),
    (5, "POKEDATA"),
    (6, "POKEUSER"),
    (7, "CONT"),
    (8, "KILL"),
    (9, "SINGLESTEP"),
    (12, "GETREGS"),
    (13, "SETREGS"),
    (16, "ATTACH"),
    (17, "DETACH"),
    (24, "SYSCALL"),
    (0x4200, "SETOPTIONS"),
    (0x4201, "GETEVENTMSG"),
    (0x4202, "GETSIGINFO"),
    (0x4203, "SETSIGINFO"),
    (0x4204, "GETREGSET"),
    (0x4205, "SETREGSET"),
    (0x4206, "SEIZE"),
    (0x4207, "INTERRUPT"),
    (0x4208, "LISTEN"),
    (0x420e, "GET_SYSCALL_INFO"),
];

/// `include/uapi/linux/bpf.h`, `enum bpf_cmd`.
const BPF: &[(u64, &str)] = &[
    (0, "MAP_CREATE"),
    (1, "MAP_LOOKUP_ELEM"),
    (2, "MAP_UPDATE_ELEM"),
    (3, "MAP_DELETE_ELEM"),
    (4, "MAP_GET_NEXT_KEY"),
    (5, "PROG_LOAD"),
    (6, "OBJ_PIN"),
    (7, "OBJ_GET"),
    (8, "PROG_ATTACH"),
    (9, "PROG_DETACH"),
    (10, "PROG_TEST_RUN"),
    (11, "PROG_GET_NEXT_ID"),
    (12, "MAP_GET_NEXT_ID"),
    (13, "PROG_GET_FD_BY_ID"),
    (14, "MAP_GET_FD_BY_ID"),
    (15, "OBJ_GET_INFO_BY_FD"),
    (16, "PROG_QUERY"),
    (17, "RAW_TRACEPOINT_OPEN"),
    (18, "BTF_LOAD"),
    (28, "LINK_CREATE"),
    (29, "LINK_UPDATE"),
];

/// `include/uapi/linux/keyctl.h`.
const KEYCTL: &[(u64, &str)] = &[
    (0, "GET_KEYRING_ID"),
    (1, "JOIN_SESSION_KEYRING"),
    (2, "UPDATE"),
    (3, "REVOKE"),
    (4, "CHOWN"),
    (5, "SETPERM"),
    (6, "DESCRIBE"),
    (7, "CLEAR"),
    (8, "LINK"),
    (9, "UNLINK"),
    (10, "SEARCH"),
    (11, "READ"),
    (12, "INSTANTIATE"),
    (13, "NEGATE"),
    (14, "SET_REQKEY_KEYRING"),
    (15, "SET_TIMEOUT"),
    (16, "ASSUME_AUTHORITY"),
    (18, "SESSION_TO_PARENT"),
    (21, "INVALIDATE"),
    (22, "GET_PERSISTENT"),
];
