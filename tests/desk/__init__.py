"""A desk with accounts at three venues, watched for a week by a clock that is moved by hand."""
