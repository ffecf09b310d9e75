"""Tests of the SQS protocol: bytes in, bytes out, checked with botocore's own serialisers and parsers."""
