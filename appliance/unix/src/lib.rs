//! The appliance as an ordinary process: host sockets under `applgen-http`.
