"""ClinicTwin's virtual clinic: rules, agents, and two engines that share them."""
