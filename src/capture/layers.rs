//! Link, tunnel, IP and transport headers -> [`Packet`](super::packet::Packet).
