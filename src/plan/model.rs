//! A plan: what will be done, on what basis, under an id that stands for both.

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use super::{Basis, Step};

/// How much of the hash an id shows: 40 bits, enough that no two plans of a host are mistaken for each other.
const ID_LENGTH: usize = 10;

/// Everything that an operation will do. Nothing is left to decide when it is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// A hash of everything below: the same facts give the same id.
    pub id: String,
    /// The command.
    pub operation: String,
    /// Its options that change what is done.
    pub options: Vec<String>,
    /// What it is done to.
    pub target: String,
    /// What must still be true when it is applied.
    pub basis: Basis,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

impl Plan {
    /// A plan with its id.
    pub fn new(
        operation: &str,
        options: Vec<String>,
        target: String,
        basis: Basis,
        steps: Vec<Step>,
    ) -> Self {
        let mut plan =
            Plan { id: String::new(), operation: operation.to_owned(), options, target, basis, steps };
        plan.id = plan.hash();
        plan
    }

    /// Two maps in the same order make the same text, so the same plan has the same hash.
    fn hash(&self) -> String {
        let Plan { id: _, operation, options, target, basis, steps } = self;
        let hashed = serde_json::to_vec(&(operation, options, target, basis, steps)).unwrap_or_default();
        let hex: String = Sha1::digest(&hashed).iter().map(|byte| format!("{byte:02x}")).collect();
        hex.get(..ID_LENGTH).unwrap_or(&hex).to_owned()
    }
}
