"""the length of a worker's lease

No lease is believed for longer than that, whatever the database's clock does.

Revision: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("workers", sa.Column("lease_seconds", sa.Double(), nullable=True))


def downgrade():
    op.drop_column("workers", "lease_seconds")
