//! What training goes on from.

use super::Params;

/// A network in training: its parameters, and what the optimiser remembers of the steps before. Trained on from the same state,
/// a backend does the same steps.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The parameters.
    pub params: Params,
    /// What the optimiser remembers, so many values for each parameter, in the parameters' shape. SGD remembers nothing.
    pub slots: Vec<Params>,
}
