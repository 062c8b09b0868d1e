//! What the program does when asked on its command line.
//! It holds no logic of its own: each command is a file.

pub mod decode;
