//! Seeded bugs: deliberate mistakes in the client core, the gateway core and the log, each of which the simulator must notice.
//!
//! A bug is data: a file below `bugs/` that names an exact text and what to write in its place. Nothing of it is ever compiled
//! into what ships: the sources are copied, one bug is applied to the copy, and the simulator built from it runs seeds until one
//! breaks a rule. A bug that survives is a hole in the simulator or in the checker.

mod bug;
mod probe;
mod results;
mod table;
mod tree;
mod trial;

pub use bug::{Bug, BugError, Edit, load_all};
pub use results::{Kill, RESULTS, Results};
pub use table::Table;
pub use tree::{Tree, TreeError, workspace_root};
pub use trial::{End, Ended, Progress, Settings, control, trial};
