//! Answers that are asked for once in a look.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The answer to each question.
pub(super) struct QueryCache<K, V>(Mutex<BTreeMap<K, V>>);

impl<K, V> Default for QueryCache<K, V> {
    fn default() -> Self {
        QueryCache(Mutex::default())
    }
}

impl<K: Ord + Clone, V: Clone> QueryCache<K, V> {
    /// The cached answer, or a new one. Other threads wait meanwhile.
    pub(super) fn get_or_query(&self, question: &K, ask: impl FnOnce() -> V) -> V {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = answers.get(question) {
            return answer.clone();
        }
        let answer = ask();
        answers.insert(question.clone(), answer.clone());
        answer
    }

    /// An answer that came with others.
    pub(super) fn insert(&self, question: K, answer: V) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(question).or_insert(answer);
    }

    /// It was asked already.
    pub(super) fn contains(&self, question: &K) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(question)
    }
}
