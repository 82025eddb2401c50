//! Clients: the only code that talks to another process. Concrete structs, blocking, with deadlines.
