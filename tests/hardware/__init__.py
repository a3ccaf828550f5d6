"""What the tests of the hardware's pages share: authored readings, and a host that serves them over real HTTP."""
