"""The declarative base of every model."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

#: Names for constraints, so that migrations can drop them on both databases.
NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of every model; its metadata is what migrations compare with."""

    metadata = MetaData(naming_convention=NAMING)
