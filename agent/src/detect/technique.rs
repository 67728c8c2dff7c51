//! ATT&CK (version 19) and ATLAS (version 5.6) techniques that findings name.

use super::finding::Technique;

/// Version of ATT&CK whose ids are used here.
const ATTACK_VERSION: &str = "19";
/// Version of ATLAS whose ids are used here.
const ATLAS_VERSION: &str = "5.6";

/// A technique as constant data, with the tactic it serves here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    id: &'static str,
    name: &'static str,
    tactic_id: &'static str,
    tactic: &'static str,
}

impl From<&Known> for Technique {
    fn from(known: &Known) -> Self {
        Self {
            id: known.id.to_owned(),
            name: known.name.to_owned(),
            tactic_id: known.tactic_id.to_owned(),
            tactic: known.tactic.to_owned(),
            version: version_of(known.id).to_owned(),
        }
    }
}

fn version_of(id: &str) -> &'static str {
    if id.starts_with("AML.") {
        ATLAS_VERSION
    } else {
        ATTACK_VERSION
    }
}

/// The findings' form of a list of techniques.
#[must_use]
pub fn named(known: &[Known]) -> Vec<Technique> {
    known.iter().map(Technique::from).collect()
}

macro_rules! techniques {
    ($($(#[$doc:meta])* $name:ident = $id:literal $title:literal, $tactic_id:literal $tactic:literal;)*) => {
        $(
            $(#[$doc])*
            pub const $name: Known = Known {
                id: $id,
                name: $title,
                tactic_id: $tactic_id,
                tactic: $tactic,
            };
        )*
        #[cfg(test)]
        const ALL: &[Known] = &[$($name),*];
    };
}

techniques! {
    /// A program is run that interprets commands.
    SCRIPTING = "T1059" "Command and Scripting Interpreter", "TA0002" "Execution";
    /// A shell is run.
    UNIX_SHELL = "T1059.004" "Unix Shell", "TA0002" "Execution";
    /// System calls are used directly.
    NATIVE_API = "T1106" "Native API", "TA0002" "Execution";
    /// Start-up hooks and units.
    EVENT_TRIGGERED = "T1546" "Event Triggered Execution", "TA0003" "Persistence";
    /// `ld.so.preload` and relatives.
    LINKER_HIJACKING = "T1574.006" "Dynamic Linker Hijacking", "TA0003" "Persistence";
    /// Kernel modules.
    KERNEL_MODULES = "T1547.006" "Kernel Modules and Extensions", "TA0003" "Persistence";
    /// Attacks on the kernel.
    PRIVILEGE_EXPLOIT = "T1068" "Exploitation for Privilege Escalation", "TA0004" "Privilege Escalation";
    /// Programs that run with their owner's rights.
    SETUID = "T1548.001" "Setuid and Setgid", "TA0004" "Privilege Escalation";
    /// Tracing or writing into another process.
    PTRACE = "T1055.008" "Ptrace System Calls", "TA0004" "Privilege Escalation";
    /// Namespace and mount calls.
    ESCAPE = "T1611" "Escape to Host", "TA0004" "Privilege Escalation";
    /// Programs that run from memory.
    REFLECTIVE_LOADING = "T1620" "Reflective Code Loading", "TA0005" "Stealth";
    /// Service account tokens.
    STEAL_TOKEN = "T1528" "Steal Application Access Token", "TA0006" "Credential Access";
    /// Credential files.
    CREDENTIAL_FILES = "T1552.001" "Credentials In Files", "TA0006" "Credential Access";
    /// Cloud metadata services.
    METADATA_API = "T1552.005" "Cloud Instance Metadata API", "TA0006" "Credential Access";
    /// Reading files that are worth stealing.
    LOCAL_DATA = "T1005" "Data from Local System", "TA0009" "Collection";
    /// Answering in another's place.
    ADVERSARY_IN_THE_MIDDLE = "T1557" "Adversary-in-the-Middle", "TA0009" "Collection";
    /// Looking for files.
    FILE_DISCOVERY = "T1083" "File and Directory Discovery", "TA0007" "Discovery";
    /// Talking through DNS.
    DNS_PROTOCOL = "T1071.004" "DNS", "TA0011" "Command and Control";
    /// Programs and data brought in.
    TOOL_TRANSFER = "T1105" "Ingress Tool Transfer", "TA0011" "Command and Control";
    /// Talking to a command server.
    APPLICATION_PROTOCOL = "T1071" "Application Layer Protocol", "TA0011" "Command and Control";
    /// Raw connections as of a reverse shell.
    RAW_PROTOCOL = "T1095" "Non-Application Layer Protocol", "TA0011" "Command and Control";
    /// Listening where the service never listened.
    ODD_PORT = "T1571" "Non-Standard Port", "TA0011" "Command and Control";
    /// Sending data out.
    EXFILTRATION = "T1041" "Exfiltration Over C2 Channel", "TA0010" "Exfiltration";
    /// Using the machine for something else.
    RESOURCE_HIJACKING = "T1496" "Resource Hijacking", "TA0040" "Impact";
    /// Changing stored data.
    DATA_MANIPULATION = "T1565.001" "Stored Data Manipulation", "TA0040" "Impact";
    /// ATLAS: a program is run that interprets commands.
    ATLAS_SCRIPTING = "AML.T0050" "Command and Scripting Interpreter", "AML.TA0005" "Execution";
    /// ATLAS: weights, tokenizers, graphs are changed.
    ATLAS_MANIPULATE_MODEL = "AML.T0018" "Manipulate AI Model", "AML.TA0006" "Persistence";
    /// ATLAS: the host is attacked.
    ATLAS_ESCAPE = "AML.T0105" "Escape to Host", "AML.TA0012" "Privilege Escalation";
    /// ATLAS: monitoring is evaded.
    ATLAS_EVASION = "AML.T0107" "Exploitation for Defense Evasion", "AML.TA0007" "Defense Evasion";
    /// ATLAS: credentials lie about.
    ATLAS_CREDENTIALS = "AML.T0055" "Unsecured Credentials", "AML.TA0013" "Credential Access";
    /// ATLAS: model files are gathered.
    ATLAS_COLLECT_MODEL = "AML.T0035" "AI Artifact Collection", "AML.TA0009" "Collection";
    /// ATLAS: a shell on a socket.
    ATLAS_REVERSE_SHELL = "AML.T0072" "Reverse Shell", "AML.TA0014" "Command and Control";
    /// ATLAS: data is sent out.
    ATLAS_EXFILTRATION = "AML.T0025" "Exfiltration via Cyber Means", "AML.TA0010" "Exfiltration";
    /// ATLAS: the model's resources are used up.
    ATLAS_COST = "AML.T0034" "Cost Harvesting", "AML.TA0011" "Impact";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_form_of_their_catalogue() {
        let digits =
            |text: &str| text.len() >= 4 && text.chars().all(|c| c.is_ascii_digit() || c == '.');
        for known in ALL {
            let (id, tactic) = match known.id.strip_prefix("AML.T") {
                Some(id) => (id, known.tactic_id.strip_prefix("AML.TA")),
                None => (
                    known.id.trim_start_matches('T'),
                    known.tactic_id.strip_prefix("TA"),
                ),
            };
            assert!(digits(id), "{known:?}");
            assert!(tactic.is_some_and(digits), "{known:?}");
        }
        for (i, known) in ALL.iter().enumerate() {
            assert!(
                ALL.iter().skip(i + 1).all(|other| other.id != known.id),
                "{known:?} twice"
            );
        }
    }
}
