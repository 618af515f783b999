"""A real engine process under kill -9, real sockets, clients outside, and the checker of the fault schedules."""
