"""Who asked for a calculation: from one column to a relation, since several may."""

from django.db import migrations


def to_relation(apps, schema_editor):
    """Each who asked becomes a requester; what nobody asked for is the operator's."""
    calculation = apps.get_model('spectradb', 'Calculation')
    asked = calculation.objects.exclude(requested_by=None)
    through = calculation.requesters.through
    links = (
        through(calculation_id=pk, user_id=user)
        for pk, user in asked.values_list('pk', 'requested_by')
    )
    through.objects.bulk_create(links, batch_size=500)
    asked.update(public=False)


class Migration(migrations.Migration):

    dependencies = [
        ('spectradb', '0006_records_of_calculations'),
    ]

    operations = [
        migrations.RunPython(to_relation, migrations.RunPython.noop),
    ]
