//! Load of connections that stay open, which all scenarios share: their settings, the processes that
//! hold them, and what is seen beside them.

pub(crate) mod connection_figures;
pub(crate) mod load_evidence;
pub(crate) mod load_settings;
pub(crate) mod worker;
pub(crate) mod ws_load;
