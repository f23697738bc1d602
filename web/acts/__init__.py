"""What people do in the dashboard: have a plan made, decide on one, apply it, halt and resume, take an incident."""
