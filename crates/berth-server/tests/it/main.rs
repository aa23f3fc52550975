//! The `berth` binary as a whole: its command line and its server, over real processes and sockets.

mod berth;
mod command_line;
mod serve;
