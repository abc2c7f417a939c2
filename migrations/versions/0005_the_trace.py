"""the trace: how a reply came about

Servers of the version before run on beside these tables. A reply that was there before has no trace (0 bytes); NULL
stands for one that runs, or that such a server has ended: what there is of its trace stands in `trace_chunks`.

Revision: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "trace_chunks",
        sa.Column("reply_id", sa.Uuid(), nullable=False),
        sa.Column("offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reply_id"], ["replies.id"], name=op.f("fk_trace_chunks_reply_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("reply_id", "offset", name=op.f("pk_trace_chunks")),
    )
    op.add_column("messages", sa.Column("trace", sa.Text(), nullable=True))
    op.add_column("replies", sa.Column("trace_bytes", sa.Integer(), server_default="0", nullable=True))
    op.add_column("replies", sa.Column("cached_tokens", sa.Integer(), nullable=True))
    op.add_column("replies", sa.Column("reasoning_tokens", sa.Integer(), nullable=True))
    op.add_column("replies", sa.Column("cost", sa.Double(), nullable=True))
    op.add_column("replies", sa.Column("effort", sa.String(length=16), nullable=True))
    op.add_column("replies", sa.Column("hurried", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("workers", sa.Column("journal_format", sa.Integer(), nullable=True))
    op.add_column("chats", sa.Column("client_id", sa.String(length=255), nullable=True))
    op.create_index("uq_chats_user_id_client_id", "chats", ["user_id", "client_id"], unique=True)


def downgrade():
    op.drop_index("uq_chats_user_id_client_id", table_name="chats")
    op.drop_column("chats", "client_id")
    op.drop_column("workers", "journal_format")
    for column in ("hurried", "effort", "cost", "reasoning_tokens", "cached_tokens", "trace_bytes"):
        op.drop_column("replies", column)
    op.drop_column("messages", "trace")
    op.drop_table("trace_chunks")
