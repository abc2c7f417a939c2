"""an index of the running replies of a user

A send counts them; without it the count reads all replies that the user ever had.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

RUNNING = sa.text("status = 'streaming'")


def upgrade():
    op.create_index("ix_replies_running_user", "replies", ["user_id"], sqlite_where=RUNNING, postgresql_where=RUNNING)


def downgrade():
    op.drop_index("ix_replies_running_user", "replies")
