"""Requests to S3-compatible buckets, signed by AWS Signature Version 4."""


def sign_s3(url: str, *, access_key: str, secret: str, region: str) -> dict[str, str]:
    """Headers of a GET of `url`; none for a public bucket, which has no access key. A Range may be added to them."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    if not access_key:
        return {}
    request = AWSRequest("GET", url)
    S3SigV4Auth(Credentials(access_key, secret), "s3", region).add_auth(request)
    return {str(name): str(value) for name, value in request.headers.items()}
