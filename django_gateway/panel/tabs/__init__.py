"""What each tab of the exchange page shows: pure functions from an exchange to the values of its template."""
