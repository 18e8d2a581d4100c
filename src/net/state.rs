//! The state that training continues from.

use super::Params;

/// A network in training: its parameters and the optimiser's slots. From the same state a backend does the same steps.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The parameters.
    pub params: Params,
    /// The slots of the optimiser: values that it remembers for each parameter, each slot in the parameters' shape. SGD has none.
    pub slots: Vec<Params>,
    /// The updates since the slots were 0.
    pub steps: u64,
}
