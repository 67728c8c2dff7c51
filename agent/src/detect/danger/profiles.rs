//! What is known about each category: judgements, in one place.

use super::Profile;
use crate::detect::finding::Class;
use crate::detect::technique as t;

pub(super) const SHELL: Profile = Profile {
    class: Class::Process,
    danger: 8.2,
    why: "a shell runs whatever it is told",
    techniques: &[t::UNIX_SHELL, t::ATLAS_SCRIPTING],
    next_step: "Read the command line and the parents; look for the request or the model load at that second in the \
                server's log. If nobody meant it, isolate the container and keep it for inspection.",
};

pub(super) const DROPPED: Profile = Profile {
    class: Class::Process,
    danger: 8.7,
    why: "programs come with the image; one that is made or put in a scratch place later was brought in",
    techniques: &[t::TOOL_TRANSFER, t::SCRIPTING, t::ATLAS_SCRIPTING],
    next_step: "Copy the file before it is removed, find the process that wrote it, and look at its connections.",
};

pub(super) const ENTRYPOINT: Profile = Profile {
    class: Class::Process,
    danger: 1.9,
    why: "the container's own command is set by who deploys it, not from inside",
    techniques: &[],
    next_step: "Check whether a release or a change of the deployment explains the new command.",
};

pub(super) const WORKER: Profile = Profile {
    class: Class::Process,
    danger: 1.9,
    why: "it goes on with the work of the program that started it, as a fork does",
    techniques: &[],
    next_step: "Check whether a release or a change of the deployment explains the workers.",
};

pub(super) const QUESTION: Profile = Profile {
    class: Class::Process,
    danger: 1.9,
    why: "libraries ask the machine's programs such questions, and an answer is all they get",
    techniques: &[],
    next_step: "Check whether a release brought a library that asks, or asks for the first time.",
};

pub(super) const OWN_SCRIPT: Profile = Profile {
    class: Class::Process,
    danger: 3.5,
    why: "the script came with the image, but the server did not run it so far",
    techniques: &[t::SCRIPTING],
    next_step: "Check whether a scheduler or an operator had the server run it; if not, look at what the script does and \
                at the request or the model load at that second.",
};

pub(super) const EXECUTABLE: Profile = Profile {
    class: Class::Process,
    danger: 7.7,
    why: "a server that starts a new program may be under someone else's control",
    techniques: &[t::SCRIPTING, t::ATLAS_SCRIPTING],
    next_step: "Read the command line and the parents; check whether the file belongs to the image and whether a \
                release explains it.",
};

pub(super) const ENDPOINT: Profile = Profile {
    class: Class::Network,
    danger: 7.7,
    why: "a model server talks to few peers; a new one may receive data or give commands",
    techniques: &[
        t::APPLICATION_PROTOCOL,
        t::EXFILTRATION,
        t::ATLAS_EXFILTRATION,
    ],
    next_step: "Find out who owns the address and which process opened the connection; compare the bytes sent with \
                the size of the model and of the requests.",
};

pub(super) const LOOPBACK: Profile = Profile {
    class: Class::Network,
    danger: 1.9,
    why: "it does not leave the container",
    techniques: &[],
    next_step: "Find the process that listens on that port inside the container.",
};

pub(super) const LISTENER: Profile = Profile {
    class: Class::Network,
    danger: 7.7,
    why: "a new open port may be a way in",
    techniques: &[t::ODD_PORT],
    next_step: "Find the process that listens and whether the port can be reached from outside the pod.",
};

pub(super) const MODEL_WRITE: Profile = Profile {
    class: Class::Model,
    danger: 9.5,
    why: "weights that change in place change what the model does",
    techniques: &[t::DATA_MANIPULATION, t::ATLAS_MANIPULATE_MODEL],
    next_step: "Compare the file's hash with the registry's; if no roll-out explains the write, stop serving from \
                this replica and restore the file.",
};

pub(super) const FURTHER_MODEL: Profile = Profile {
    class: Class::Model,
    danger: 0.9,
    why: "the workload puts its models there in this way, and none that is known changed",
    techniques: &[t::ATLAS_MANIPULATE_MODEL],
    next_step: "Check whether an operator asked for another model; if not, look at what it is before it serves.",
};

pub(super) const MODEL_READ: Profile = Profile {
    class: Class::Model,
    danger: 3.8,
    why: "weights are read once at load; a later read may be a copy in the making",
    techniques: &[t::LOCAL_DATA, t::ATLAS_COLLECT_MODEL],
    next_step: "Check whether a reload was asked for; otherwise compare the bytes sent since with the file's size.",
};

pub(super) const CODE_WRITE: Profile = Profile {
    class: Class::File,
    danger: 8.0,
    why: "what is written there is run by other programs",
    techniques: &[t::EVENT_TRIGGERED],
    next_step: "Look at the file's content; remove it before the next start of the container, which would run it.",
};

pub(super) const OWNERS_RIGHTS: Profile = Profile {
    class: Class::Privilege,
    danger: 8.0,
    why: "whoever starts the program gets the rights of its owner, for good",
    techniques: &[t::SETUID],
    next_step: "Find out who made the file and what it is, and take the bit or the file away.",
};

pub(super) const SECRET_READ: Profile = Profile {
    class: Class::File,
    danger: 8.0,
    why: "the file holds credentials",
    techniques: &[t::CREDENTIAL_FILES, t::ATLAS_CREDENTIALS],
    next_step: "Look for connections by the same process afterwards; rotate the credential if nothing explains the read.",
};

pub(super) const SECRET_WRITE: Profile = Profile {
    class: Class::File,
    danger: 8.0,
    why: "credentials that are planted open a way back in",
    techniques: &[t::CREDENTIAL_FILES, t::ATLAS_CREDENTIALS],
    next_step: "Compare the file with the image's; remove what was added.",
};

pub(super) const FILE_WRITE: Profile = Profile {
    class: Class::File,
    danger: 1.9,
    why: "a file outside the known ones was written",
    techniques: &[],
    next_step: "Look at the file and the process that wrote it; approve the path if it is part of the service.",
};

pub(super) const SETTING_WRITE: Profile = Profile {
    class: Class::File,
    danger: 4.0,
    why: "a server reads the settings of its system and leaves them as they are",
    techniques: &[t::DATA_MANIPULATION],
    next_step: "Compare the file with that of the image, and see which programs read it.",
};

pub(super) const SCRATCH_WRITE: Profile = Profile {
    class: Class::File,
    danger: 0.5,
    why: "temporary files come and go",
    techniques: &[],
    next_step: "Look at the file's content and whether it was run.",
};

pub(super) const TEMPORARY_CODE: Profile = Profile {
    class: Class::File,
    // Before other small matters, with which it would pass the budget or not.
    danger: 1.95,
    why: "a server's code comes with its image; compilers leave some there too",
    techniques: &[t::TOOL_TRANSFER, t::SCRIPTING],
    next_step: "Copy the file before it is removed; see what wrote it and whether a compiler's cache explains it.",
};

pub(super) const PRIVILEGED: Profile = Profile {
    class: Class::Privilege,
    danger: 8.5,
    why: "a model server needs no privileged calls",
    techniques: &[t::ESCAPE, t::ATLAS_ESCAPE],
    next_step: "Find out which program made the call and whether it was refused; check the pod's capabilities.",
};

pub(super) const SYSCALL: Profile = Profile {
    class: Class::Syscall,
    danger: 1.5,
    why: "a new system call means code that did not run before",
    techniques: &[t::NATIVE_API],
    next_step: "Look at the other findings of this container around the same time.",
};

// Clients of clouds and hubs look for their settings, too, when they are first used.
pub(super) const SECRET_ATTEMPT: Profile = Profile {
    class: Class::File,
    danger: 4.5,
    why: "such files hold credentials, and a server knows where its own are",
    techniques: &[t::CREDENTIAL_FILES, t::FILE_DISCOVERY, t::ATLAS_CREDENTIALS],
    next_step: "Look at what else the same process looked for, and at what it found: one library looks for its own \
                settings, an intruder for everybody's.",
};

pub(super) const ESCAPE_ATTEMPT: Profile = Profile {
    class: Class::Privilege,
    danger: 6.5,
    why: "it would have led out of the container",
    techniques: &[t::ESCAPE, t::ATLAS_ESCAPE],
    next_step: "Look at what the same process tried next; check that the pod has neither host mounts nor capabilities \
                that it does not need.",
};

pub(super) const ESCAPE_PATH: Profile = Profile {
    class: Class::Privilege,
    danger: 9.0,
    why: "it leads out of the container",
    techniques: &[t::ESCAPE, t::ATLAS_ESCAPE],
    next_step: "Check whether the pod is meant to have this mounted; look at what the process did next, on the node too.",
};

pub(super) const FAILED_EXEC: Profile = Profile {
    class: Class::Process,
    danger: 4.0,
    why: "a program was asked for that this image does not have",
    techniques: &[t::SCRIPTING],
    next_step: "Look at what asked for the program, and at the request or model load at that second.",
};

pub(super) const FOREIGN_CODE: Profile = Profile {
    class: Class::Process,
    danger: 7.0,
    why: "code that did not come with the image runs inside the server",
    techniques: &[t::REFLECTIVE_LOADING, t::TOOL_TRANSFER],
    next_step: "Copy the file (or /proc/<pid>/map_files) before it is gone, and find the process that wrote it.",
};

pub(super) const DEVICE: Profile = Profile {
    class: Class::Resource,
    danger: 7.2,
    why: "another program uses the GPU beside the server",
    techniques: &[t::RESOURCE_HIJACKING, t::ATLAS_COST],
    next_step: "Compare the processes that the GPU lists with the server's own; look where the program came from.",
};

pub(super) const RAW_SOCKET: Profile = Profile {
    class: Class::Network,
    danger: 8.2,
    why: "raw sockets read and forge packets past the pod's firewall rules, and rare kinds open rarely tested parts of \
          the kernel",
    techniques: &[t::RAW_PROTOCOL],
    next_step: "Find the program, and whether it got the socket; drop CAP_NET_RAW from the pod, which hardly any server \
                needs.",
};

pub(super) const UNIX_SOCKET: Profile = Profile {
    class: Class::Network,
    danger: 3.5,
    why: "another service on this machine answers there",
    techniques: &[],
    next_step: "Find out which service owns the socket and whether the server is meant to use it.",
};

pub(super) const OWN_SOCKET: Profile = Profile {
    class: Class::Network,
    danger: 1.9,
    why: "processes of one container talk to each other this way",
    techniques: &[],
    next_step: "Find the process at the other end; look closer if the place is shared with another container.",
};

pub(super) const DNS_NAME: Profile = Profile {
    class: Class::Dns,
    danger: 6.0,
    why: "a name that was never asked for comes before a peer that was never contacted, or carries data itself",
    techniques: &[t::DNS_PROTOCOL, t::ATLAS_EXFILTRATION],
    next_step: "Find out who owns the domain, and whether a connection to its address followed.",
};

pub(super) const REVERSE_NAME: Profile = Profile {
    class: Class::Dns,
    danger: 1.9,
    why: "it asks for no place to go to, though whoever owns the addresses sees the question",
    techniques: &[],
    next_step: "Look whether the address belongs to a peer of the server.",
};

pub(super) const MISSING_HOST: Profile = Profile {
    class: Class::Dns,
    danger: 3.0,
    why: "links die and names are mistyped; malware too asks for hosts that are not there yet",
    techniques: &[t::DNS_PROTOCOL],
    next_step: "See which requests or settings name that host; names that nobody would choose may be made by a program.",
};

pub(super) const CONTACT: Profile = Profile {
    class: Class::Network,
    danger: 4.0,
    why: "what hides behind a peer that is known brings a client of its own, or copies the server to ask there",
    techniques: &[t::APPLICATION_PROTOCOL, t::ATLAS_EXFILTRATION],
    next_step: "See which program, library or thread made the connection, and what went over it.",
};

pub(super) const ACCEPTANCE: Profile = Profile {
    class: Class::Network,
    danger: 4.0,
    why: "who takes connections in the server's place reads what clients ask and says what it likes",
    techniques: &[t::ADVERSARY_IN_THE_MIDDLE],
    next_step: "See who started that process, and whether the server is meant to have workers.",
};

pub(super) const TLS_NAME: Profile = Profile {
    class: Class::Network,
    danger: 6.0,
    why: "the server behind the name was never contacted",
    techniques: &[t::APPLICATION_PROTOCOL, t::ATLAS_EXFILTRATION],
    next_step: "Find out who owns the name and which process opened the connection.",
};

pub(super) const FILE_CHANGE: Profile = Profile {
    class: Class::File,
    danger: 1.9,
    why: "a file that was left alone so far was renamed, removed or changed",
    techniques: &[],
    next_step: "Look at the file and the process; approve the path if it is part of the service.",
};

pub(super) const OVERWRITE: Profile = Profile {
    class: Class::File,
    danger: 4.0,
    why: "a file that is only added to, such as a log, says what was; who writes over it takes that back",
    techniques: &[t::DATA_MANIPULATION],
    next_step: "Compare the file with what was collected of it elsewhere, and look what else was done around that time.",
};

pub(super) const IO_URING: Profile = Profile {
    class: Class::Syscall,
    danger: 1.5,
    why: "io_uring does files and network without the system calls that other tools watch",
    techniques: &[t::NATIVE_API],
    next_step: "Look at the other findings of this container around the same time.",
};
