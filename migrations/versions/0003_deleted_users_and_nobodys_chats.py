"""users that are deleted, and chats that are nobody's

What is deleted is marked by one small transaction and taken away in slices afterwards.

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

DELETED = sa.text("deleted_at IS NOT NULL")


def upgrade():
    op.add_column("users", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_users_deleted", "users", ["deleted_at"], sqlite_where=DELETED, postgresql_where=DELETED)
    with op.batch_alter_table("chats") as batch:
        batch.alter_column("user_id", existing_type=sa.Uuid(), nullable=True)


def downgrade():
    op.execute("DELETE FROM users WHERE deleted_at IS NOT NULL")
    op.execute("DELETE FROM chats WHERE user_id IS NULL")
    with op.batch_alter_table("chats") as batch:
        batch.alter_column("user_id", existing_type=sa.Uuid(), nullable=False)
    op.drop_index("ix_users_deleted", "users")
    op.drop_column("users", "deleted_at")
